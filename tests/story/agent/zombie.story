# C11 and T09: a coordinator that was paused past its term goes on talking. The node has heard of the next
# epoch: nothing of the older one counts, and what it promised is settled in the new one.
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
> written
send op1 YES 
> link-down
> link-up epoch=8
write epoch 8
send STATE runs v1, 1 open
> commit op1 epoch=7
> prepare op2 version=v3 generation=3 epoch=7
> abort op1 epoch=7
> abort op1 epoch=8
drop op1
send op1 aborted v1
note op1 ABORTED
> commit op1 epoch=7
