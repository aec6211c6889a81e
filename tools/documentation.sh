#!/usr/bin/env bash
# The reference of the public headers as pages, build/documentation/html/index.html, and docs/architecture.svg. Any warning of Doxygen is an error:
# what is public is documented. CI does without, since Doxygen is 19 MB and as much again for what it needs.
source "$(dirname "${BASH_SOURCE[0]}")/setup.sh"

[ $# -eq 0 ] || fail "takes no arguments"
require doxygen graphviz
mkdir -p build/documentation
doxygen Doxyfile
dot -Tsvg docs/architecture.dot -o docs/architecture.svg
echo "documentation: build/documentation/html/index.html"
