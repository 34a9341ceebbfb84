"""What an operator of a worker needs: checks, bucket."""
