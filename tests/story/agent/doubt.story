# In doubt the old version serves, and the node asks with longer and longer pauses.
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
> wait 80000
send op1 QUERY
send op1 QUERY
send op1 QUERY
alarm: op1 is in doubt
send op1 QUERY
> pending op1
> link-down
> wait 60000
> link-up epoch=8
write epoch 8
send STATE runs v1, 1 open
# An order of an older epoch is not heard.
> commit op1 epoch=7
> abort op1 epoch=8
drop op1
send op1 aborted v1
note op1 ABORTED
