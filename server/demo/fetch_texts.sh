#!/bin/bash
# Fetches the descriptions of all Debian packages that this machine can learn of into
# build/demo/texts: available.txt, translations.txt, manual.txt (any of them may be empty). The
# machine's own package lists are left alone.
set -eu -o pipefail
cd "$(dirname "$0")/../.."
texts=build/demo/texts
mkdir -p "$texts/lists/partial" "$texts/cache"

options=(-o Acquire::Languages=en -o Acquire::Retries=1 -o Acquire::http::Timeout=20
  -o Acquire::https::Timeout=20 -o "Dir::State::lists=$PWD/$texts/lists"
  -o "Dir::Cache=$PWD/$texts/cache" -o Debug::NoLocking=true)
# Root's downloads would run as _apt, who may not enter this folder.
if [ "$(id -u)" = 0 ]; then options+=(-o APT::Sandbox::User=root); fi

if ! ls "$texts"/lists/*Translation-en* >/dev/null 2>&1; then
  echo "Fetching Debian's package descriptions into $texts (about 15 MB, once) …"
  if ! timeout 300 apt-get "${options[@]}" -qq update >"$texts/update.log" 2>&1; then
    echo "… not to be had (see $texts/update.log): going on with what this machine knows."
  fi
fi

: >"$texts/translations.txt"
for list in "$texts"/lists/*Translation-en*; do
  if [ -e "$list" ]; then /usr/lib/apt/apt-helper cat-file "$list" >>"$texts/translations.txt"; fi
done
apt-cache dumpavail >"$texts/available.txt" 2>/dev/null || true
if [ "$(grep -c '^Package:' "$texts/available.txt")" -lt 1000 ]; then
  # The machine's own lists are empty (a fresh container): the private ones know as much.
  apt-cache "${options[@]}" dumpavail >"$texts/available.txt" 2>/dev/null || true
fi
man -k . >"$texts/manual.txt" 2>/dev/null || true
