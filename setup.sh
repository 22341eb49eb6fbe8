#!/usr/bin/env bash
# Makes .venv, the IDE's assets and, for tests, a browser. Does nothing where nothing is due.
#   setup.sh run | test
set -euo pipefail
wanted=$1

say() { echo "· $*"; }
fail() { echo "$*" >&2; exit 1; }

[ -n "${PYTHON:-}" ] || fail "Python 3.11 or newer is needed; none was found on the PATH."

if [ ! -x .venv/bin/python ] || ! .venv/bin/python -c '' 2>/dev/null; then
	say "making .venv with $("$PYTHON" --version)"
	rm -rf .venv
	"$PYTHON" -m venv .venv || fail "Python's venv module is missing (on Debian: apt install python3-venv)."
fi

# install FILE: the pins of requirements/FILE.txt, unless these very pins are there already.
install() {
	local stamp=".venv/$1.installed"
	cmp -s "requirements/$1.txt" "$stamp" && return
	say "installing requirements/$1.txt"
	.venv/bin/python -m pip install -q --disable-pip-version-check --no-deps --require-hashes \
		-r "requirements/$1.txt"
	cp "requirements/$1.txt" "$stamp"
}

if [ "$wanted" = test ]; then
	install test
	cmp -s requirements/run.txt .venv/run.installed || cp requirements/run.txt .venv/run.installed
else
	install run
	[ -z "${OTEL_EXPORTER_OTLP_ENDPOINT:-}" ] || install tracing
fi

node_major=$(node -p 'process.versions.node.split(".")[0]' 2>/dev/null || echo 0)
[ "$node_major" -ge 22 ] || install node
if ! .venv/bin/python -m ide.build; then
	[ "$wanted" = run ] || fail "The browser tests need the IDE."
	say "the gateway is served without its IDE; run this again to try once more"
fi

if [ "$wanted" = test ]; then
	.venv/bin/python -m tests.provider ||
		say "tests/test_oidc.py will not run: it signs in with a real OpenID Connect provider"
fi

if [ "$wanted" = test ]; then
	.venv/bin/python -m deploy.packages composers ||
		say "tests/test_subgraphs.py will not compose the subgraphs"
	.venv/bin/python -m tests.federation.packages ||
		say "tests/federation/test_apollo.py will not run: its subgraphs are served by @apollo/subgraph"
	.venv/bin/python -m tests.clients.packages ||
		say "tests/clients will not run with the clients of frontends"
	.venv/bin/python -m tests.subscribing.packages ||
		say "tests/subscribing will not run: it subscribes with graphql-ws and graphql-sse"
fi

if [ "$wanted" = test ] && ! command -v chromium >/dev/null; then
	if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
		say "installing chromium for the browser tests"
		(apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends chromium) \
			>.venv/chromium.log 2>&1 || say "chromium could not be installed (.venv/chromium.log): browser tests will not run"
	else
		say "no chromium on the PATH: browser tests will not run"
	fi
fi
