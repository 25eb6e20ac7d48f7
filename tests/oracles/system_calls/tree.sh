# Makes the tree `src` in the working directory, on which tests/oracles/system_calls.rs makes calls in two file
# systems.
mkdir -p src/dir/sub src/closed src/sticky src/empty
cd src
head -c 5000 /dev/zero | tr '\0' x >dir/file
echo other >dir/other
ln dir/file dir/hard
: >nothing
truncate -s 1M holes
printf data | dd of=holes bs=1 seek=524288 conv=notrunc status=none
printf end | dd of=holes bs=1 seek=1048573 conv=notrunc status=none
printf '#!/bin/sh\nexit 7\n' >script
echo text >text
echo secret >secret
echo group >group
echo x >closed/file
ln -s dir/file link
ln -s dir dirlink
ln -s nothing/below through
ln -s missing dangling
ln -s two one
ln -s one two
ln -s / absolute
ln -s "$(printf 'x%.0s' $(seq 1000))" long
mkfifo fifo
mknod char c 1 3
mknod block b 7 200
echo name >"$(printf 'n%.0s' $(seq 255))"
setfattr -n user.a -v abc text
setfattr -n user.empty -v '' text
setfattr -n trusted.t -v t text
setfattr -n user.d -v d dir
setfattr -n security.capability -v 0x0100000200040000000000000000000000000000 script
chmod 755 script dir dir/sub
chmod 4755 dir/other
chmod 644 text dir/file nothing holes
chmod 600 secret
chmod 640 group
chgrp 1234 group
chown 1000:1000 closed
chmod 700 closed
chmod 1777 sticky
chmod 000 empty
find . -exec touch -h -d '2001-02-03 04:05:06.123456789Z' {} +
