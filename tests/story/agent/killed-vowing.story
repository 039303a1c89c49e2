# A2: killed after the artifact is stored and before the vow is durable. There is no row: it has never
# voted.
> node runs=v1
> host-up
> link-up
write epoch 7
send STATE runs v1, 0 open
> prepare op1 version=v2
admit op1
> done
probe op1
> done
map op1
> done
write op1 PREPARED
> restart row=NONE
> host-up
> link-up
send STATE runs v1, 0 open
> abort op1
