# A13: a node that has lost its journal knows of nothing. What it is told it leaves alone; what it is asked
# it takes up as if for the first time.
> node runs=none
> host-up runs=v2
> link-up
write epoch 7
send STATE runs v2, 0 open
> commit op1
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
> done
send op1 applied v2
note op1 APPLIED
