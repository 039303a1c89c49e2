# A11: there is no room for the artifact, or for the vow: NO, and nothing of it remains.
> node runs=v1
> host-up
> link-up
write epoch 7
send STATE runs v1, 0 open
> prepare op1 version=v2
admit op1
> cannot STORAGE
drop op1
send op1 NO STORAGE
> prepare op2 version=v2
admit op2
> done
probe op2
> done
map op2
> done
write op2 PREPARED
> not-written
drop op2
send op2 NO STORAGE
> prepare op3 version=v2
admit op3
