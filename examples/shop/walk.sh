#!/usr/bin/env bash
# From an empty folder to the first upgrade of a shop of three state servers.
#
#   LOCKSTEP_MONGO_URL=mongodb://…/shop?replicaSet=… bash walk.sh [PACKAGE [DRIVER]]
#
# Run it in an empty folder. The URL names an empty database of a replica set. PACKAGE is what npm installs: "lockstep",
# or a file that `npm pack` has made. DRIVER is "mongodb", or a version of it. The shop listens on the ports SHOP_PORTS
# ("8081 8082 8083" by default).
set -euo pipefail
example=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
read -ra ports <<< "${SHOP_PORTS:-8081 8082 8083}"
: "${LOCKSTEP_MONGO_URL:?name the database}"
export LOCKSTEP_MONGO_URL

say() { printf '\n# %s\n' "$*"; }

say "an empty folder, and the packages"
npm init --yes > npm.log
npm pkg set type=module
npm install "${1:-lockstep}" "${2:-mongodb}" >> npm.log

say "the first release, and the data of the shop"
mkdir releases
cp -r "$example/releases/1.0.0" releases
cp "$example/fill.js" .
node fill.js
cat > versions.json << 'JSON'
{
  "default": "1.0.0",
  "versions": {
    "1.0.0": { "command": ["node", "releases/1.0.0/main.js"] }
  }
}
JSON

say "the version of the fleet, declared once"
npx lockstep init 1.0.0

say "three state servers, each under its launcher"
launchers=()
trap 'for launcher in "${launchers[@]}"; do kill "$launcher"; wait "$launcher" || true; done' EXIT
for n in 1 2 3; do
  SHOP_AGENT=a$n SHOP_PORT=${ports[n - 1]} node_modules/.bin/lockstep-launcher \
    --data-directory "data/a$n" --versions versions.json >> "a$n.log" 2>&1 &
  launchers+=($!)
done
serving() {
  for port in "${ports[@]}"; do
    curl --silent --show-error --fail --retry 120 --retry-delay 1 --retry-connrefused "localhost:$port/?sku=mug"
  done
}
serving
curl --silent --show-error --fail --request POST "localhost:${ports[0]}/orders?sku=mug"
npx lockstep status

say "the second release, rehearsed on a copy"
cp -r "$example/releases/1.1.0" releases
npx lockstep rehearse 1.1.0 --steps releases/1.1.0/steps.js --directory rehearsals

say "the second release, installed on each host"
cat > versions.json << 'JSON'
{
  "default": "1.0.0",
  "versions": {
    "1.0.0": { "command": ["node", "releases/1.0.0/main.js"] },
    "1.1.0": { "command": ["node", "releases/1.1.0/main.js"] }
  }
}
JSON
installed() { [ "$(npx lockstep status | grep --count "can start 1.1.0")" = 3 ]; }
for ((look = 0; look < 60; look += 1)); do
  if installed; then break; fi
  sleep 1
done

say "the upgrade"
npx lockstep upgrade 1.1.0
serving
curl --silent --show-error --fail --request POST "localhost:${ports[0]}/orders?sku=mug"
npx lockstep status
npx lockstep history
