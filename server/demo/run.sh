#!/bin/bash
# Fetches the texts and runs the demo: server/demo/run.sh BUILD_DIR [ARGUMENTS of kyro_demo].
# Everything it writes lies under build/demo.
set -eu -o pipefail
cd "$(dirname "$0")/../.."
build=${1:?usage: server/demo/run.sh BUILD_DIR}
shift
texts=build/demo/texts
server/demo/fetch_texts.sh

exec "$build/bin/kyro_demo" --data build/demo/db --available "$texts/available.txt" \
  --translations "$texts/translations.txt" --manual "$texts/manual.txt" "$@"
