#!/usr/bin/env bash
# The JSON door of Foyer, from sign-up to sign-out, with nothing but curl: what an app with a sign-in form of its own
# does. Runs against `npm start`, where mails are read at /dev/mail.json.
#
#   examples/first-party.sh [http://localhost:3000]
set -euo pipefail

foyer=${1:-http://localhost:3000}
email="visitor-$$-$RANDOM@example.test"
password='a-rather-long-password'

# call EXPECTED-STATUS METHOD PATH [BODY] [ACCESS-TOKEN]: says the line, keeps the answer in $body
call() {
  local expected=$1 method=$2 path=$3 data=${4:-} token=${5:-} answer status
  local options=(--silent --show-error --request "$method" --write-out '\n%{http_code}')
  [[ -n $data ]] && options+=(--header 'Content-Type: application/json' --data "$data")
  [[ -n $token ]] && options+=(--header "Authorization: Bearer $token")
  answer=$(curl "${options[@]}" "$foyer$path")
  status=${answer##*$'\n'}
  body=${answer%$'\n'*}
  printf '%-7s%-28s%s\n' "$method" "$path" "$status"
  if [[ $status != "$expected" ]]; then
    printf 'expected %s, and this is the answer:\n%s\n' "$expected" "$body" >&2
    exit 1
  fi
}

# field NAME: a text member of the answer before
field() {
  sed -n "s/.*\"$1\":\"\([^\"]*\)\".*/\1/p" <<<"$body"
}

# mailed_code [OLD]: the six digits in the subject of the newest mail to $email that has some, once they are not OLD
mailed_code() {
  local code
  for _ in {1..100}; do
    code=$(curl --silent "$foyer/dev/mail.json" | sed 's/},{/}\n{/g' | grep -F "\"to\":\"$email\"" |
      sed -n 's/.*"subject":"[^0-9"]*\([0-9]\{6\}\).*/\1/p' | head -n 1 || true)
    if [[ -n $code && $code != "${1:-}" ]]; then
      echo "$code"
      return
    fi
    sleep 0.1
  done
  echo "no mail came for $email: is this a development instance?" >&2
  exit 1
}

echo "# Sign up, and look at oneself"
call 201 POST /auth/register "{\"email\":\"$email\",\"password\":\"$password\",\"name\":\"Visitor\"}"
access=$(field access_token)
call 200 GET /auth/me '' "$access"
call 200 PATCH /auth/me '{"nickname":"V"}' "$access"

echo "# Sign in, for an API of one's own"
call 401 POST /auth/login "{\"email\":\"$email\",\"password\":\"not-that-one\"}"
call 200 POST /auth/login "{\"email\":\"$email\",\"password\":\"$password\",\"resource\":\"urn:demo:quests\"}"
access=$(field access_token)
refresh=$(field refresh_token)

echo "# Renew: each refresh token works once, and a second use ends them all"
call 200 POST /auth/refresh "{\"refresh_token\":\"$refresh\"}"
renewed=$(field access_token)
call 200 GET /auth/me '' "$renewed"
call 401 POST /auth/refresh "{\"refresh_token\":\"$refresh\"}"
call 401 GET /auth/me '' "$renewed"

echo "# Where am I signed in? Sign out everywhere else"
call 200 POST /auth/login "{\"email\":\"$email\",\"password\":\"$password\"}"
access=$(field access_token)
call 200 GET /auth/sessions '' "$access"
call 204 DELETE /auth/sessions '' "$access"

echo "# Forget the password: one mail with a code and a link"
call 202 POST /auth/password/forgot "{\"email\":\"$email\"}"
flow=$(field flow)
code=$(mailed_code)
password='another-rather-long-one'
call 200 POST /auth/password/reset "{\"flow\":\"$flow\",\"code\":\"$code\",\"new_password\":\"$password\"}"
call 401 GET /auth/me '' "$access"

echo "# Sign in without a password"
call 202 POST /auth/passwordless/start "{\"email\":\"$email\",\"method\":\"code\"}"
flow=$(field flow)
code=$(mailed_code "$code")
call 200 POST /auth/passwordless/verify "{\"flow\":\"$flow\",\"code\":\"$code\"}"
access=$(field access_token)
refresh=$(field refresh_token)

echo "# Sign out: the session and its tokens are over at once"
call 200 POST /auth/logout '' "$access"
call 401 GET /auth/me '' "$access"
call 401 POST /auth/refresh "\"$refresh\""
