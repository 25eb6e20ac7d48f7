# The files that tests/oracles/attributes.rs packs: functions that fill the directory src, each with features
# that only some formats of tar support. Sourced by `bash -e` in an empty directory; call `plain` first.
umask 022

n() { printf "$1%.0s" $(seq "$2"); }

# Features of every format: types, permissions, hard links, times in whole seconds.
plain() {
    mkdir -p src/dir/sub src/empty
    cd src
    echo file >file; : >nothing; printf '%1000d' 1 >dir/sub/some; head -c 100000 /dev/urandom >dir/big
    echo s >suid; chmod 4755 suid; echo g >sgid; chmod 2755 sgid; chmod 1777 dir; chmod 0000 empty
    echo all >all; chmod 7777 all; echo none >none; chmod 0000 none
    ln -s dir/sub/some link; ln -s /abs/target absolute; ln file hard; ln file dir/hard
    echo own >own; chown 1000:2097151 own; chown -h 5:6 link
    echo space >'with space'; echo nl >$'new\nline'; echo bytes >$'b\xff\xfe'; echo utf >'ü☃'
    echo back >'back\slash'; echo quote >'"quo'"'"'te'
    echo epoch >epoch; echo late >late
    find . -exec touch -hd @1234567890 {} +
    touch -d @0 epoch; touch -d '2038-01-19 03:14:08Z' late; touch -d @1000 dir; touch -d @1001 .
}

# File types that V7 does not have.
special() {
    mkfifo -m 620 fifo; mknod -m 600 char c 1 3; mknod -m 640 block b 8 1
    mknod char-large c 4095 1048575; mknod block-large b 259 70000
    touch -d @5 fifo char block char-large block-large
}

# Numbers and names that need base 256, long-name entries or PAX records.
large() {
    echo i >ids; chown 2097152:4294967294 ids; ln -s x link-ids; chown -h 3000000:3000001 link-ids
    echo o >old; touch -d '1960-02-03 04:05:06Z' old; touch -hd '1969-12-31 23:59:59Z' absolute
    echo f >far; touch -d '2300-01-01Z' far
    echo 255 >$(n x 255); echo 101 >$(n y 101); echo b >$'\xfe\xff'$(n z 120)
    mkdir -p $(n d 200)/$(n e 200)/$(n f 200); echo deep >$(n d 200)/$(n e 200)/$(n f 200)/deep
    ln -s $(n t 3000) long-link; ln $(n x 255) long-hard; touch -d @77 $(n d 200)
}

# Names that fit only with a ustar prefix: 155 and 100 bytes.
prefix() {
    mkdir -p $(n p 76)/$(n q 76); echo x >$(n p 76)/$(n q 76)/$(n r 100)
}

# Features of PAX only: fractions of a second and xattrs.
pax() {
    echo n >nano; touch -d @1234567890.123456789 nano; echo m >ms; touch -d @0.000000001 ms
    echo b >before; touch -d '1969-12-31 23:59:58.25Z' before; touch -hd @99.5 link
    touch -d @1.999999999 dir/sub; echo t >tenth; touch -d @1700000000.1 tenth
    echo x >xattrs; setfattr -n user.text -v 'some text' xattrs
    setfattr -n user.binary -v 0x00ff0a3d0020 xattrs; setfattr -n user.newline -v $'a\nb' xattrs
    setfattr -n user.empty xattrs
    setfattr -n user.long -v $(printf 'l%.0s' $(seq 3000)) xattrs
    setfattr -n trusted.t -v t xattrs; setfattr -n user.d -v d dir
    echo c >capable; chmod 755 capable; setcap cap_net_raw+ep capable
}

# A file of 1 GiB with a few pieces of data at its beginning, middle and end, one with many pieces (more
# than fit into an old GNU header and its first extension block), and one that is only a hole.
sparse() {
    mkdir src; cd src; truncate -s 1G big; truncate -s 40M many; truncate -s 5M hole
    put() { dd of=$1 bs=4096 seek=$2 conv=notrunc status=none; }
    head -c 5000 /dev/urandom | put big 0; head -c 70000 /dev/urandom | put big 100000
    head -c 4096 /dev/urandom | put big 131072; head -c 8192 /dev/urandom | put big 262142
    for i in $(seq 0 60); do head -c $((i * 31 + 1)) /dev/urandom | put many $((i * 150 + 7)); done
    echo after >zz-after
}
