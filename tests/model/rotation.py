"""Exhaustive small-scope model of clients that share one rotating refresh token.

Two client processes, one grant, one expiry, a network that can delay requests, and a budget of
faults. Every interleaving is explored. A run ends when nothing can move. Then the model checks
whether the server would still accept the refresh token in the store or in the fallback store
("spool"). If not, the grant is lost. The loss was avoidable if the response to every rotation had
reached a live client.
"""
import sys
from collections import namedtuple, deque
# server policies
STRICT, GRACE_NEW, GRACE_SAME, NOROT = 'strict', 'grace-new', 'grace-same', 'no-rotation'
Srv = namedtuple('Srv', 'cur prev used_cur revoked nxt presented rotations')   # cur/prev token ids
Sto = namedtuple('Sto', 'rt fresh ver pend lease fence dead')                   # durable store
Pr  = namedtuple('Pr', 'pc rt ver fence mem pend life msgid amb')               # a process
St  = namedtuple('St', 'srv sto ps msgs rsps faults nextmsg spool exc')  # exc: a rotation reply physically never reached a live client / died in RAM
def server(s, rt, pol):
    s = s._replace(presented=s.presented + (rt,))
    if s.revoked: return s, None
    if pol == NOROT:
        return s._replace(rotations=s.rotations+1), rt
    if rt == s.cur:
        n = s.nxt
        return s._replace(prev=s.cur, cur=n, nxt=n+1, rotations=s.rotations+1), n
    if pol in (GRACE_NEW, GRACE_SAME) and rt == s.prev:
        # predecessor honoured until its successor is first used (successor used <=> prev moved on)
        if pol == GRACE_SAME: return s, s.cur
        n = s.nxt
        return s._replace(cur=n, nxt=n+1, rotations=s.rotations+1), n
    return s._replace(revoked=True), None        # reuse detection: whole family revoked
def accepts(s, rt, pol):
    if s.revoked: return False
    if pol == NOROT: return True
    return rt == s.cur or (pol in (GRACE_NEW, GRACE_SAME) and rt == s.prev)
class P:   # protocol switches
    def __init__(self, name, lease, reread, fenced, intent, wait, keep, ownrel=True, flock=False, reconcile=True, replay=True, check=False, patient=False, merge=False):
        self.__dict__.update(locals())
def succ(st, p, pol, fb):
    out = []
    def go(**k): out.append(st._replace(**k))
    for i, q in enumerate(st.ps):
        if q.life == 'down':
            # restart after crash: memory gone
            np = Pr('start', None, 0, 0, None, None, 'up', None, False)
            go(ps=st.ps[:i]+(np,)+st.ps[i+1:]); continue
        if q.pc in ('done', 'dead'): continue
        def me(**k): return st.ps[:i]+(q._replace(**k),)+st.ps[i+1:]
        sto = st.sto
        # ---- faults on this process
        if fb['crash'] and st.faults < fb['max'] and q.pc != 'start':
            nsto = sto
            if p.flock and sto.lease == i: nsto = sto._replace(lease=None)     # kernel drops the lock
            ex = st.exc or (q.pc == 'persist' and q.mem is not None and st.spool != q.mem) or \
                 (q.pc == 'wait' and any(r[0] == q.msgid and r[1] is not None for r in st.rsps))
            go(ps=me(life='down'), faults=st.faults+1, sto=nsto, exc=ex)
        if fb['pause'] and st.faults < fb['max'] and sto.lease == i and not p.flock:
            go(sto=sto._replace(lease=None), faults=st.faults+1)              # TTL ran out under us
        # ---- a lease whose owner is down runs out by itself
        if q.pc == 'start':
            if not p.reread:     # RT picked before the lock
                go(ps=me(pc='lock', rt=sto.rt, ver=sto.ver))
            else: go(ps=me(pc='lock'))
        elif q.pc == 'lock':
            if not p.lease: go(ps=me(pc='load'))
            else:
                free = sto.lease is None or (st.ps[sto.lease].life == 'down') or st.ps[sto.lease].pc in ('start','done','dead')
                if free: go(sto=sto._replace(lease=i, fence=sto.fence+1), ps=me(pc='load', fence=sto.fence+1))
        elif q.pc == 'load':
            if p.merge and st.spool is not None and not sto.fresh:            # recovery looks in the spool before any send
                go(sto=sto._replace(rt=st.spool, fresh=True, ver=sto.ver+1, pend=None), ps=me(pc='rel')); continue
            if sto.dead: go(ps=me(pc='dead'), sto=sto._replace(lease=None if sto.lease==i else sto.lease))
            elif sto.fresh: go(ps=me(pc='rel'))
            elif p.reread: go(ps=me(pc='intent', rt=sto.rt, ver=sto.ver))
            else: go(ps=me(pc='intent'))
        elif q.pc == 'intent':
            if not p.intent: go(ps=me(pc='send'))
            else:
                # another attempt's intent is pending: its request may still be in flight
                if p.wait and sto.pend is not None and sto.pend in st.msgs_ids(): continue
                if p.patient and any(j != i and o.life == 'up' and o.pend == sto.pend and sto.pend is not None
                                     and o.pc in ('send', 'wait', 'persist') for j, o in enumerate(st.ps)): continue   # patience > pause
                if sto.fence != q.fence: go(ps=me(pc='lock'))
                elif sto.ver != q.ver: go(ps=me(pc='load'))          # the intent write is a CAS on the version that was read
                else:
                    m = st.nextmsg
                    amb = q.amb or sto.pend is not None
                    go(sto=sto._replace(pend=m, ver=sto.ver+1), ps=me(pc='send', ver=sto.ver+1, pend=m, amb=amb))
        elif q.pc == 'send':
            m = st.nextmsg
            if p.check and sto.fence != q.fence: go(ps=me(pc='lock'))      # lost the lease while paused: do not send
            elif p.check and sto.lease != i: go(ps=me(pc='lock'))
            else: go(msgs=st.msgs+((m, i, q.rt),), nextmsg=m+1, ps=me(pc='wait', msgid=m))
        elif q.pc == 'wait':
            for r in st.rsps:
                if r[0] != q.msgid: continue
                rest = tuple(x for x in st.rsps if x is not r)
                if r[1] is not None: go(rsps=rest, ps=me(pc='persist', mem=r[1]))
                else: go(rsps=rest, ps=me(pc='reject'))
            if fb['lost'] and st.faults < fb['max']:
                # timeout: reply lost or request merely delayed; the request itself may still land later
                rest = tuple(x for x in st.rsps if x[0] != q.msgid)
                ex = st.exc or any(x[0] == q.msgid and x[1] is not None for x in st.rsps)
                if p.replay:
                    go(faults=st.faults+1, rsps=rest, ps=me(pc='amb', amb=True), exc=ex)
                else:
                    go(faults=st.faults+1, rsps=rest, ps=me(pc='relstart', amb=True), exc=ex)
        elif q.pc == 'amb':
            if p.wait and q.msgid in st.msgs_ids(): continue
            go(ps=me(pc='lock' if not p.lease else 'load'))
        elif q.pc == 'relstart':
            go(sto=sto._replace(lease=None if sto.lease==i else sto.lease), ps=me(pc='start'))
        elif q.pc == 'reject':
            if p.reconcile and (sto.rt != q.rt or sto.fresh): go(ps=me(pc='rel'))
            elif p.reconcile and sto.pend is not None and sto.pend != q.pend: go(ps=me(pc='load'))   # sibling mid-flight
            else: go(sto=sto._replace(dead=True), ps=me(pc='rel'))
        elif q.pc == 'persist':
            if fb['disk'] and st.faults < fb['max']:
                if p.keep: go(faults=st.faults+1, spool=q.mem)              # stays in 'persist', kept in memory + spool
                else: go(faults=st.faults+1, ps=me(pc='relstart', mem=None))   # error returned, new RT dropped
            if not p.fenced:
                go(sto=sto._replace(rt=q.mem, fresh=True, ver=sto.ver+1, pend=None, dead=False), ps=me(pc='rel'))
            elif sto.ver == q.ver and sto.fence == q.fence:
                go(sto=sto._replace(rt=q.mem, fresh=True, ver=sto.ver+1, pend=None, dead=False), ps=me(pc='rel'))
            else:
                # CAS conflict. If the store still holds the token we consumed, ours is its only successor: merge forward.
                if sto.rt == q.rt:
                    if p.keep: go(sto=sto._replace(rt=q.mem, fresh=True, ver=sto.ver+1, pend=None, dead=False), ps=me(pc='rel'))
                    else: go(ps=me(pc='rel', mem=None))
                else: go(ps=me(pc='rel'), spool=q.mem if p.keep else st.spool)
        elif q.pc == 'rel':
            if p.ownrel: nl = None if sto.lease == i else sto.lease
            else: nl = None                                  # unconditional DEL frees someone else's lock
            go(sto=sto._replace(lease=nl), ps=me(pc='done'))
    for m in st.msgs:
        s2, r = server(st.srv, m[2], pol)
        alive = st.ps[m[1]].life == 'up' and st.ps[m[1]].pc == 'wait' and st.ps[m[1]].msgid == m[0]
        out.append(st._replace(exc=st.exc or (s2.rotations > st.srv.rotations and not alive), srv=s2, msgs=tuple(x for x in st.msgs if x is not m), rsps=st.rsps+(((m[0], r),) if alive else ())))
    return out
St.msgs_ids = lambda s: {m[0] for m in s.msgs}
def run(p, pol, fb):
    p0 = Pr('start', None, 0, 0, None, None, 'up', None, False)
    init = St(Srv(1, 0, False, False, 2, (), 0), Sto(1, False, 0, None, None, 0, False), (p0, p0), (), (), 0, 1, None, False)
    seen = {init}; dq = deque([(init)]); lost = dup = over = ends = 0; falsedead = 0; avoid = 0
    while dq:
        s = dq.popleft()
        if len(seen) > 3_000_000: print('cap'); break
        n = [x for x in succ(s, p, pol, fb)]
        if not n:
            ends += 1
            ok = accepts(s.srv, s.sto.rt, pol) or (s.spool is not None and accepts(s.srv, s.spool, pol))
            if not ok:
                lost += 1
                if not s.exc: avoid += 1
            elif s.sto.dead: falsedead += 1
            if s.srv.rotations > 1 and pol != NOROT: over += 1
            if len(set(s.srv.presented)) != len(s.srv.presented): dup += 1
            continue
        for x in n:
            if x not in seen: seen.add(x); dq.append(x)
    return dict(avoid=avoid, states=len(seen), ends=ends, lost=lost, falsedead=falsedead, dup=dup, extra=over)
PROTO = [
 P('A no lock, last writer wins',            lease=False, reread=True,  fenced=False, intent=False, wait=False, keep=False, reconcile=False, replay=False),
 P('B lock, token read before lock',         lease=True,  reread=False, fenced=False, intent=False, wait=False, keep=False, reconcile=False, replay=False),
 P('C TTL lock+re-read, blind write, DEL',   lease=True,  reread=True,  fenced=False, intent=False, wait=False, keep=False, ownrel=False, reconcile=True, replay=False),
 P('D flock+re-read, drop on failed save',   lease=True,  reread=True,  fenced=False, intent=False, wait=False, keep=False, flock=True, replay=False),
 P('E1 CAS+fence+intent, no wait',           lease=True,  reread=True,  fenced=True,  intent=True,  wait=False, keep=True),
 P('E2 full, TTL lease (Redis/PG)',          lease=True,  reread=True,  fenced=True,  intent=True,  wait=True,  keep=True),
 P('E2c = E2 + re-check lease right before send', lease=True, reread=True, fenced=True, intent=True, wait=True, keep=True, check=True),
 P('E2d = E2c + patient takeover + spool merge', lease=True, reread=True, fenced=True, intent=True, wait=True, keep=True, check=True, patient=True, merge=True),
 P('E3 full, kernel lock (file)',            lease=True,  reread=True,  fenced=True,  intent=True,  wait=True,  keep=True, flock=True),
 P('E3d = E3 + spool merged before any send',   lease=True,  reread=True,  fenced=True,  intent=True,  wait=True,  keep=True, flock=True, merge=True),
]
F = lambda mx=1, **k: dict(dict(crash=False, pause=False, lost=False, disk=False, max=mx), **k)
FAULT = [('none', F(0)), ('crash', F(crash=True)), ('lost/late reply', F(lost=True)), ('pause>TTL', F(pause=True)),
         ('save fails once', F(disk=True)), ('any two', F(2, crash=True, lost=True, pause=True, disk=True))]
if __name__ == '__main__':
    for pol in (STRICT, GRACE_NEW, GRACE_SAME):
        print('\n## server policy:', pol)
        print('%-48s' % 'protocol' + ''.join('%-20s' % f[0] for f in FAULT))
        for p in PROTO:
            row = '%-48s' % p.name
            for n, fb in FAULT:
                r = run(p, pol, fb)
                row += '%-20s' % ('%d (%d) /%d' % (r['lost'], r['avoid'], r['ends']))
            print(row); sys.stdout.flush()
