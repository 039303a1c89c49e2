# C12: the journal is put back from before an operation that nodes have carried out. A node knows
# more: the coordinator opens nothing, and of what it does not know it says neither COMMIT nor ABORT.
> fleet 2
> join n0
ready n0
> join n1
ready n1
> backup
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
> written op1
send n0 op1 commit
send n1 op1 commit
op1 is committing
> n0 applied op1
op1 is committing
> restart backup
epoch 8
> join n0 runs=v2 generation=1 open=op1 epoch=7 sequence=1
n0 knows more: read-only
look up op1
ready n0
> found n0 op1 NONE
answer n0 op1 pending
> join n1 open=op1 epoch=7
look up op1
ready n1
> found n1 op1 NONE
answer n1 op1 pending
> n1 asks op1
look up op1
> found n1 op1 NONE
answer n1 op1 pending
> open op2 sync_all version=v3
READ_ONLY: 2 of 2 reachable, need 2
