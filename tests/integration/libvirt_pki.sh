#!/usr/bin/env bash
# tests/integration/libvirt_pki.sh DIRECTORY ADDRESS...
#
# Certificates for qemu+tls, by which hosts and their client know each other: cacert.pem, clientcert.pem, clientkey.pem,
# serverkey.pem, and servercert-N.pem for the N-th address.

set -euo pipefail
cd "$1"
shift

make_key() { openssl ecparam -name prime256v1 -genkey -noout -out "$1"; }
# sign NAME KEY CERTIFICATE EXTENSION...
sign() {
    local name=$1 key=$2 certificate=$3
    shift 3
    openssl req -new -key "$key" -subj "/CN=$name" |
        openssl x509 -req -days 2 -CA cacert.pem -CAkey cakey.pem -CAcreateserial -out "$certificate" \
            -extfile <(printf '%s\n' "basicConstraints=critical,CA:FALSE" "keyUsage=critical,digitalSignature,keyEncipherment" "$@")
}

for name in ca client server; do
    make_key "${name}key.pem"
done
openssl req -x509 -new -key cakey.pem -days 2 -subj "/CN=a test of memrig" -out cacert.pem \
    -addext keyUsage=critical,keyCertSign
sign client clientkey.pem clientcert.pem extendedKeyUsage=clientAuth
number=0
for address in "$@"; do
    number=$((number + 1))
    sign "$address" serverkey.pem "servercert-$number.pem" extendedKeyUsage=serverAuth "subjectAltName=IP:$address"
done
