# A9: ABORT has come, and the agent is killed before its tombstone is written. It is in doubt again, asks,
# and is told again.
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
> abort op1
drop op1
send op1 aborted v1
note op1 ABORTED
> restart row=PREPARED
> host-up
> link-up
send STATE runs v1, 1 open
> wait 5000
send op1 QUERY
> abort op1
drop op1
send op1 aborted v1
note op1 ABORTED
> prepare op1 version=v2
send op1 aborted v1
