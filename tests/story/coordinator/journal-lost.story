# C13: nothing is left of the journal. All nodes know more than one that is new; they stay as they are,
# also who is in doubt, until an operator decides.
> fleet 2
> join n0
ready n0
> join n1
ready n1
> open op1 sync_all version=v2
ADMITTED: 2 of 2 reachable, need 2
write op1 OPEN
op1 is preparing
> written op1
send n0 op1 PREPARE v2
send n1 op1 PREPARE v2
op1 is preparing
> n0 yes op1
op1 is preparing
> n1 yes op1
write op1 COMMIT
op1 is preparing
> fleet 2
> join n0 open=op1 epoch=8 sequence=1
n0 knows more: read-only
look up op1
ready n0
> found n0 op1 NONE
answer n0 op1 pending
> join n1 open=op1 epoch=8
n1 knows more: read-only
look up op1
ready n1
> found n1 op1 NONE
answer n1 op1 pending
> open op2 sync_all version=v2
READ_ONLY: 2 of 2 reachable, need 2
