# The same bytes, loaded again: to be live the host must say that it has loaded them since, and not
# only that it has them. The agent is killed before PUBLISH.
> node runs=v1
> host-up
> link-up
write epoch 7
send STATE runs v1, 0 open
> prepare op1 version=v1 again=yes
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
> restart row=COMMITTED
> link-up
> host-up runs=v1 generation=0
map op1
send STATE runs v1, 1 open
> done
publish op1
> done
send op1 applied v1
note op1 APPLIED
