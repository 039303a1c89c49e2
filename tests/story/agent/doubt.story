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
# Nor is a PREPARE of an older epoch.
> prepare op2 version=v3 generation=3 epoch=7
# Of decisions the highest number is kept, for a coordinator whose journal was restored.
> prepare op3 version=v3 generation=3 epoch=8
admit op3
> abort op3 epoch=8 sequence=5
write epoch 8, and the decision's number
drop op3
send op3 aborted v1
note op3 ABORTED
> prepare op4 version=v3 generation=3 epoch=8
admit op4
> abort op4 epoch=8 sequence=5
drop op4
send op4 aborted v1
note op4 ABORTED
> prepare op5 version=v3 generation=3 epoch=8
admit op5
> abort op5 epoch=8 sequence=6
write epoch 8, and the decision's number
drop op5
send op5 aborted v1
note op5 ABORTED
