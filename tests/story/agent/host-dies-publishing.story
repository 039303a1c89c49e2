# A7: the host dies while it publishes. The pointer row is there: it starts with what that says.
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
> commit op1
write op1 COMMITTED
> written
publish op1
> host-dies
> wait 100
start the host with v2
> host-up
send op1 applied v2
note op1 APPLIED
send STATE runs v2, 1 open
