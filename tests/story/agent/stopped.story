# A14: a prepared node is stopped for four hours. It comes back with the same row, to another epoch.
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
> wait 14400000
alarm: op1 is in doubt
> link-up epoch=9
write epoch 9
send STATE runs v1, 1 open
> commit op1 epoch=9 sequence=1
write epoch 9, and the decision's number
write op1 COMMITTED
> written
publish op1
> done
send op1 applied v2
note op1 APPLIED
