# SPDX-License-Identifier: Apache-2.0
# Writes OUTPUT: a header with the first 16 hexadecimal digits of INPUT's SHA-256.
file(SHA256 ${INPUT} hash)
string(SUBSTRING ${hash} 0 16 hash)
file(WRITE ${OUTPUT} "#define ${NAME}_hash \"${hash}\"\n")
