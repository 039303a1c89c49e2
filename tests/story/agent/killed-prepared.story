# A4 and A5: killed after YES, or after COMMIT has come and before the pointer row. The old version
# serves; it asks, and goes on with what it is told.
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
> wait 5000
send op1 QUERY
> commit op1
map op1
> done
write op1 COMMITTED
> written
publish op1
> done
send op1 applied v2
note op1 APPLIED
