# A8: the link breaks after the swap, so nobody hears that it has applied. STATE is the ACK; and COMMIT,
# if it comes again, has its answer.
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
> link-down
> done
note op1 APPLIED
> link-up
send STATE runs v2, 1 open
> commit op1
send op1 applied v2
