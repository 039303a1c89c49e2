# A stateless reload: YES after the vow is durable, the swap after the pointer row.
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
> prepare op1 version=v2
send op1 YES 
> commit op1
write op1 COMMITTED
> written
publish op1
> done
send op1 applied v2
note op1 APPLIED
> commit op1
send op1 applied v2
> final op1
retire what op1 replaced
note op1 FINAL
> commit op1
send STATE runs v2, 0 open
