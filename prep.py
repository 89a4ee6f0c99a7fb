import sys,struct
sys.path.insert(0,'/tmp/gm/wt/tokspeed/bench/tokens')
from pathlib import Path
import speed
for k,t in speed.choose(Path('/work/shared/data/corpus'),24.0).items():
    with open(f'/tmp/gm/tokspeed/{k}.bin','wb') as f:
        for s in t:
            b=s.encode(); f.write(struct.pack('<I',len(b))); f.write(b)
    print(k,len(t),sum(len(s.encode()) for s in t))
