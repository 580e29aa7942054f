#!/usr/bin/env bash
# Fetches the published weights and the example pictures; `bash download.sh --help` tells how.
set -euo pipefail

HERE=$(CDPATH='' cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd)
DATA=${REPAINT_DATA:-$HERE/data}
OPENAI_URL=${REPAINT_OPENAI_URL:-https://openaipublic.blob.core.windows.net/diffusion/jul-2021}
OPENAI_URL=${OPENAI_URL%/}
DRIVE_URL='https://drive.google.com/uc?id='

MIN_CHECKPOINT_BYTES=1048576 # the smallest real one has some 200 MB; error pages have some kB
CANNOT_RESUME=3              # status of the fetch functions: the server sends whole files only
BAD_ARCHIVE=3                # status of unpack: the archive is at fault, not this machine

usage() {
    cat <<'END'
Usage: bash download.sh NAME...

  celeba     CelebA-HQ weights            -> pretrained/celeba256_250000.pt
  imagenet   ImageNet weights             -> pretrained/256x256_classifier.pt, pretrained/256x256_diffusion.pt
  places     Places2 weights              -> pretrained/places256_300000.pt
  example    example pictures and masks   -> datasets/gts, datasets/gt_keep_masks
  all        all of the above

What is complete is skipped; what was interrupted is resumed from NAME.part. Run one at a time per folder.
imagenet needs curl or wget; the others need gdown (pip install .[download]); example needs python 3.8 or newer.

Environment:
  REPAINT_DATA        folder to fill (default: the folder data beside this script)
  REPAINT_OPENAI_URL  where the ImageNet weights lie (default: OpenAI's public files)
  REPAINT_GDOWN       command to run as gdown (default: python -m gdown, or gdown)

Exit status: 0 all is there, 1 something failed (the other names are still fetched), 2 wrong usage.
END
}

say() { printf '%s\n' "$*"; }
complain() { printf 'download.sh: %s\n' "$*" >&2; }

say_by_hand() { # URL FILE
    complain "by hand: open $1 in a browser, save the file as $2, and run this script again"
}

have() { command -v "$1" >/dev/null 2>&1; }

find_python() {
    local candidate
    for candidate in python python3; do
        # Running it also rules out Python 2 and stubs that only advertise an installer.
        if "$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 8))' >/dev/null 2>&1; then
            say "$candidate"
            return 0
        fi
    done
    return 1
}

find_gdown() { # sets the array GDOWN
    local python
    if [[ -n ${REPAINT_GDOWN:-} ]]; then
        # One path, perhaps with blanks in it, or a command with arguments such as `python -m gdown`.
        if have "$REPAINT_GDOWN"; then GDOWN=("$REPAINT_GDOWN"); else read -r -a GDOWN <<<"$REPAINT_GDOWN"; fi
        have "${GDOWN[0]:-}"
    elif python=$(find_python) &&
        "$python" -c 'import importlib.util, sys; sys.exit(importlib.util.find_spec("gdown") is None)'; then
        GDOWN=("$python" -m gdown)
    elif have gdown; then
        GDOWN=(gdown)
    else
        return 1
    fi
}

fetch_with_curl() { # URL PART
    local url=$1 part=$2 look=--silent code status=0
    if [[ -t 2 ]]; then look=--progress-bar; fi
    code=$(curl "$look" --fail --location --connect-timeout 30 --speed-limit 1 --speed-time 60 \
        --continue-at - --output "$part" --write-out '%{http_code}' "$url") || status=$?
    # 416: nothing is left to send. Whether PART is whole is for the caller's look at its content.
    if [[ $code == 416 ]]; then return 0; fi
    case $status in
    0) return 0 ;;
    33 | 36) return "$CANNOT_RESUME" ;;
    5 | 6 | 7) complain "$url: cannot reach the server" ;;
    18 | 52 | 55 | 56 | 92) complain "$url: the connection was cut; run again to resume" ;;
    22) complain "$url: the server answered HTTP $code" ;;
    23) complain "$part: cannot write (disk full?)" ;;
    28) complain "$url: the server stopped answering; run again to resume" ;;
    35 | 60) complain "$url: no secure connection to the server" ;;
    *) complain "$url: curl failed with status $status" ;;
    esac
    return 1
}

fetch_with_wget() { # URL PART
    local url=$1 part=$2 look=--no-verbose status=0
    if [[ -t 2 ]]; then look=--progress=bar; fi
    wget "$look" --tries=1 --timeout=60 --continue --output-document="$part" "$url" || status=$?
    case $status in
    0) return 0 ;;
    3) complain "$part: cannot write (disk full?)" ;;
    4) complain "$url: no connection, or it was cut; run again to resume" ;;
    5) complain "$url: no secure connection to the server" ;;
    8) complain "$url: the server refused it; wget names the HTTP error above" ;;
    *) complain "$url: wget failed with status $status" ;;
    esac
    return 1
}

fetch_from_web() { # URL PART
    local url=$1 part=$2 status=0
    if have curl; then
        fetch_with_curl "$url" "$part" || status=$?
        if ((status == CANNOT_RESUME)); then
            say "the server cannot resume; starting over"
            rm -f -- "$part"
            status=0
            fetch_with_curl "$url" "$part" || status=1
        fi
    elif have wget; then
        fetch_with_wget "$url" "$part" || status=1
    else
        complain "neither curl nor wget is installed"
        return 1
    fi
    # wget creates the file before it knows whether anything will come.
    if [[ ! -s $part ]]; then rm -f -- "$part"; fi
    return "$status"
}

fetch_from_drive() { # URL PART FILE
    local url=$1 part=$2 file=$3 options=(--continue)
    # gdown fills a file of its own beside PART and renames it when all has come, so an existing PART has ended;
    # given to gdown again, some versions would append to it.
    if [[ -e $part ]]; then return 0; fi
    if ! find_gdown; then
        complain "$file: gdown is not installed; run: pip install .[download]"
        return 1
    fi
    if [[ ! -t 2 ]]; then options+=(--quiet); fi
    # Some versions report success without having written anything.
    if "${GDOWN[@]}" "${options[@]}" -O "$part" "$url" && [[ -e $part ]]; then return 0; fi
    complain "$file: gdown failed, see above; run again to resume, or remove $part* to start over"
    say_by_hand "$url" "$file"
    return 1
}

fetch() { # URL PART FILE
    say "fetching $3"
    case $1 in
    "$DRIVE_URL"*) fetch_from_drive "$@" ;;
    *) fetch_from_web "$1" "$2" ;;
    esac
}

size_of() { if [[ -f $1 ]]; then wc -c <"$1"; else echo 0; fi; }

# Sets the variable `bytes` to the first COUNT bytes of standard input, as hex digits.
read_bytes() { # COUNT
    bytes=$(od -An -tx1 -N "$1")
    bytes=${bytes//[[:space:]]/}
}

# A torch zip file ends with its 22-byte end record, so a zip that ends otherwise has been cut.
ends_like_zip() { # FILE
    local bytes
    read_bytes 4 < <(tail -c 22 -- "$1")
    [[ $bytes == 504b0506 ]]
}

# Prints what speaks against FILE being a whole checkpoint or archive; prints nothing when all is well.
fault_in() { # KIND FILE
    local kind=$1 file=$2 fault='' bytes
    if [[ ! -s $file ]]; then
        say "it is empty"
        return
    fi
    read_bytes 2 <"$file"
    case $kind:$bytes in
    checkpoint:504b) if ! ends_like_zip "$file"; then fault="its end is missing"; fi ;;
    checkpoint:80* | archive:504b) ;; # for the archive, unpacking is the better test
    *:3c*) fault="it is a web page" ;;
    *) fault="it does not start like a $kind" ;;
    esac
    if [[ -z $fault && $kind == checkpoint ]] && (($(size_of "$file") < MIN_CHECKPOINT_BYTES)); then
        fault="it is too small"
    fi
    say "$fault"
}

# Whether PART, which had BEFORE bytes when its fetch began, had better be fetched from zero: the rest did not fit what
# was there, or nothing came and only a zip shows that nothing was missing.
is_spoilt() { # KIND PART BEFORE
    local kind=$1 part=$2 before=$3
    if ((before == 0)); then return 1; fi
    [[ -n $(fault_in "$kind" "$part") ]] || { (($(size_of "$part") == before)) && ! ends_like_zip "$part"; }
}

# Brings URL into FILE.part, which becomes FILE only when it is whole.
get() { # KIND FILE URL
    local kind=$1 file=$2 url=$3 part=$2.part before fault
    if [[ -e $file ]]; then
        fault=$(fault_in "$kind" "$file")
        if [[ -z $fault ]]; then
            say "already there: $file"
            return 0
        fi
        complain "$file: this is no $kind: $fault; remove it and run again"
        return 1
    fi
    if ! mkdir -p -- "${file%/*}"; then return 1; fi
    before=$(size_of "$part")
    fetch "$url" "$part" "$file" || return 1
    if is_spoilt "$kind" "$part" "$before"; then
        say "what an earlier run left cannot be completed; starting over"
        rm -f -- "$part"
        fetch "$url" "$part" "$file" || return 1
    fi
    fault=$(fault_in "$kind" "$part")
    if [[ -n $fault ]]; then
        rm -f -- "$part"
        complain "$file: what arrived is no $kind: $fault"
        say_by_hand "$url" "$file"
        return 1
    fi
    chmod +r -- "$part" # gdown makes it private to the user; this goes back to the umask
    mv -f -- "$part" "$file"
}

get_celeba() { get checkpoint "$DATA/pretrained/celeba256_250000.pt" "${DRIVE_URL}1norNWWGYP3EZ_o05DmoW1ryKuKMmhlCX"; }
get_places() { get checkpoint "$DATA/pretrained/places256_300000.pt" "${DRIVE_URL}1QEl-btGbzQz6IwkXiFGd49uQNTUtTHsk"; }

get_imagenet() {
    local name status=0
    for name in 256x256_classifier.pt 256x256_diffusion.pt; do
        get checkpoint "$DATA/pretrained/$name" "$OPENAI_URL/$name" || status=1
    done
    return "$status"
}

# Writes the pictures and masks of ARCHIVE below TEMP, then moves them below DATASETS. -I keeps the modules of the
# current folder and of the environment out.
unpack() { # PYTHON ARCHIVE TEMP DATASETS
    "$1" -I - "$2" "$3" "$4" "$BAD_ARCHIVE" <<'PYTHON'
import shutil
import stat
import sys
import zipfile
import zlib
from pathlib import Path, PurePosixPath

FOLDERS = ("gts", "gt_keep_masks")
MAX_BYTES = 2**31  # the real one has some MB


class Refused(Exception):
    pass


def target_of(info):
    """The path of a member below datasets/, or None for what is not wanted."""
    name = info.filename
    path = PurePosixPath(name)
    if path.is_absolute() or ".." in path.parts or "\\" in name or ":" in name:
        raise Refused(f"it would write outside its folder: {name!r}")
    # Archives not made on Unix have no file type at all.
    if stat.S_IFMT(info.external_attr >> 16) not in (0, stat.S_IFREG, stat.S_IFDIR):
        raise Refused(f"it holds a link or special file: {name!r}")
    parts = path.parts[1:] if path.parts[:1] == ("data",) else path.parts
    # Hidden files are what file managers add; a loader would take ._x.png for a picture.
    if info.is_dir() or len(parts) < 3 or any(part.startswith(".") for part in parts):
        return None
    return Path(*parts[1:]) if parts[0] == "datasets" and parts[1] in FOLDERS else None


def extract(archive, temp):
    # All names are judged before the first byte is written.
    targets = [(info, target_of(info)) for info in archive.infolist()]
    missing = set(FOLDERS) - {target.parts[0] for _, target in targets if target}
    if missing:
        raise Refused(f"it lacks datasets/{min(missing)}")
    size = sum(info.file_size for info, target in targets if target)  # more than this is not read of a member
    if size > MAX_BYTES:
        raise Refused(f"it would unpack to {size} bytes")
    for info, target in targets:
        if target:
            (temp / target).parent.mkdir(parents=True, exist_ok=True)
            with archive.open(info) as source, (temp / target).open("wb") as sink:
                shutil.copyfileobj(source, sink)


def move(source, target):
    """Moves source to target; where both are folders, merges them, and leaves existing files alone."""
    if not target.exists():
        source.rename(target)
    elif source.is_dir() and target.is_dir():
        for child in sorted(source.iterdir()):
            move(child, target / child.name)


def main(source, temp, datasets):
    with zipfile.ZipFile(source) as archive:
        extract(archive, temp)
    # A folder that is there is filled up first: then both are there only when all is done.
    for name in sorted(FOLDERS, key=lambda name: not (datasets / name).exists()):
        move(temp / name, datasets / name)


try:
    main(*map(Path, sys.argv[1:4]))
except OSError as error:
    sys.exit(f"download.sh: cannot unpack {sys.argv[1]}: {error}")
# RuntimeError: encrypted members; NotImplementedError: unknown compression.
except (Refused, zipfile.BadZipFile, zlib.error, EOFError, RuntimeError, NotImplementedError) as error:
    print(f"download.sh: {sys.argv[1]} refused: {error}", file=sys.stderr)
    sys.exit(int(sys.argv[4]))
PYTHON
}

get_example() {
    local url=${DRIVE_URL}1Q_dxuyI41AAmSv9ti3780BwaJQqwvwMv
    local archive=$DATA/data.zip datasets=$DATA/datasets python status=0
    local temp=$datasets/.unpack # inside: datasets may be a link to another disk, and moves must not cross disks
    if [[ -d $datasets/gts && -d $datasets/gt_keep_masks ]]; then
        say "already there: $datasets/gts, $datasets/gt_keep_masks"
        return 0
    fi
    if ! python=$(find_python); then
        complain "example: python 3.8 or newer is needed to unpack the archive"
        return 1
    fi
    get archive "$archive" "$url" || return 1
    rm -rf -- "$temp" # of a run that was killed
    unpack "$python" "$archive" "$temp" "$datasets" || status=$?
    rm -rf -- "$temp"
    # After any other failure (disk full) the archive is still good.
    if ((status == 0 || status == BAD_ARCHIVE)); then rm -f -- "$archive"; fi
    if ((status == BAD_ARCHIVE)); then say_by_hand "$url" "$archive"; fi
    return "$status"
}

get_named() { # NAME
    case $1 in
    celeba) get_celeba ;;
    imagenet) get_imagenet ;;
    places) get_places ;;
    example) get_example ;;
    esac
}

main() {
    local name names=() failed=
    if (($# == 0)); then
        usage >&2
        exit 2
    fi
    for name in "$@"; do
        case $name in
        -h | --help)
            usage
            exit 0
            ;;
        all) names+=(celeba imagenet places example) ;;
        celeba | imagenet | places | example) names+=("$name") ;;
        *)
            complain "unknown name: $name (see --help)"
            exit 2
            ;;
        esac
    done
    for name in "${names[@]}"; do
        get_named "$name" || failed+=" $name"
    done
    if [[ -n $failed ]]; then
        complain "failed:$failed"
        exit 1
    fi
}

# The signal reaches curl, wget or gdown too, and each leaves what has come for the next run.
trap 'complain "stopped; run again to resume"; exit 130' INT TERM
main "$@"
