"""Packages of both source roots; everything else about the build stands in setup.cfg."""

from setuptools import find_packages, setup

setup(packages=find_packages("src") + find_packages("plugins"))
