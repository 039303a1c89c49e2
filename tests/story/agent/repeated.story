# N4: everything comes twice, and late. What has been done is said again, and not done again.
> node runs=v1
> host-up
> link-up
write epoch 7
send STATE runs v1, 0 open
> prepare op1 version=v2
admit op1
> prepare op1 version=v2
> done
probe op1
> done
map op1
> done
write op1 PREPARED
> prepare op1 version=v2
> written
send op1 YES 
> prepare op1 version=v2
send op1 YES 
> commit op1
write op1 COMMITTED
> commit op1
> written
publish op1
> commit op1
> prepare op1 version=v2
> done
send op1 applied v2
note op1 APPLIED
> commit op1
send op1 applied v2
> prepare op1 version=v2
send op1 applied v2
> abort op1
strange: op1
> final op1
retire what op1 replaced
note op1 FINAL
> final op1
> commit op1
send STATE runs v2, 0 open
> prepare op1 version=v2
send STATE runs v2, 0 open
> abort op1
