# T11: a node says that it has applied, and what it reports as mapped is the old version. That counts
# for nothing: it has failed.
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
> written op1
send n0 op1 commit
send n1 op1 commit
op1 is committing
> n0 applied op1
op1 is committing
> n1 applied op1 runs=v1
write op1 DEGRADED and its compensation's OPEN
op1 is rolling-back
> cause op1
MISMATCH n1 
> written op1
op1 is rolling-back
send n0 op1' PREPARE v1
send n1 op1' PREPARE v1
op1' is preparing
