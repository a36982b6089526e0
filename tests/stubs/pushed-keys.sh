#!/bin/sh
# The AuthorizedKeysCommand of a test machine: sh pushed-keys.sh URL USER. It reads the keys that
# EC2 Instance Connect sent from the instance's metadata, as AWS's own command does.
token=$(curl -fsS -X PUT -H 'X-aws-ec2-metadata-token-ttl-seconds: 60' "$1/latest/api/token") || exit
curl -fsS -H "X-aws-ec2-metadata-token: $token" "$1/latest/meta-data/managed-ssh-keys/active-keys/$2" |
    grep '^ssh-'
