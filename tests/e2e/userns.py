import os,sys,subprocess,ctypes
r,w=os.pipe(); r2,w2=os.pipe()
pid=os.fork()
if pid==0:
    libc=ctypes.CDLL(None,use_errno=True)
    if libc.unshare(0x10000000|0x20000): os._exit(99)
    os.write(w,b'x'); os.read(r2,1)
    os.setgid(0); os.setuid(0)
    os.execvp(sys.argv[1],sys.argv[1:])
os.read(r,1)
for f in('uid_map','gid_map'): open(f'/proc/{pid}/{f}','w').write('0 0 4294967290\n')
os.write(w2,b'x')
sys.exit(os.waitpid(pid,0)[1]>>8)
