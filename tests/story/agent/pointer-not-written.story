# A12: the pointer row cannot be written. The agent stops, with the old version serving; when it starts
# again it is in doubt, is told again, and goes on when there is room.
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
> restart row=PREPARED
> host-up
> link-up
send STATE runs v1, 1 open
> commit op1
map op1
> done
write op1 COMMITTED
> written
publish op1
> done
send op1 applied v2
note op1 APPLIED
