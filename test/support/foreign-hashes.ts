// Owns hashes of other systems with the passwords they fit, taken from those systems' own documentation.
import { hashSync } from '@node-rs/bcrypt'

const signerKey = 'jxspr8Ki0RYycVU8zykbdLGjFQ3McFUH0uiiTvC8pVMXAn210wjLNmdZJzxUECKbm0QsEmYUSDzZvpjeJ9WmXA=='
const ofFirebase = 'lSrfV15cpx95/sZS2W9c9Kp6i/LVgQNDNC/qzrCnh1SAyZvqmZqAjTdn3aoItz+VHjoZilo78198JAdRuid5lQ=='

const ofRfc7914 = 'TdzY9guYviGDDO5e8icB+WQaRBjQTAQUrv8Ih2s0q1ah1CWhIlgzVJrbhBtRybMXaicr3ruh0HhHj2Kzl/M8jQ'
const ofPython = 'Y4KvYMPg2N1hgDjLOrwpFmm60rmpeC70d9wwK2vkAxvKaJ07B5VP1iea8ystNqo3Fj/kFin4ZNjgEh/lGyWgkg'

export const foreignHashes: [name: string, password: string, stored: string][] = [
  ['bcrypt of Openwall', 'U*U', '$2a$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW'],
  ['bcrypt as PHP writes it', 'U*U', '$2y$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW'],
  ['bcrypt of today', 'analytical-engine', hashSync('analytical-engine', 6)],
  // RFC 7914 §11
  ['PBKDF2 in PHC', 'Password', `$pbkdf2-sha256$i=80000,l=64$TmFDbA$${ofRfc7914}`],
  [
    'PBKDF2 as passlib writes it',
    'Password',
    `$pbkdf2-sha256$80000$TmFDbA$${ofRfc7914.replaceAll('+', '.')}`,
  ],
  // hashlib.pbkdf2_hmac of Python
  ['PBKDF2 by SHA-512', 'password', `$pbkdf2-sha512$i=25000,l=64$c29kaXVtLWNobG9yaWRlIQ$${ofPython}`],
  [
    'scrypt of passlib',
    'password',
    '$scrypt$ln=16,r=8,p=1$aM15713r3Xsvxbi31lqr1Q$nFNh2CVHVjNldFVKDHDlm4CbdRSCdEBsjjJxD+iCs5E',
  ],
  [
    "Firebase's scrypt",
    'user1password',
    `$firescrypt$ln=14,r=8,p=1$42xEC+ixf3L2lw==$${ofFirebase}$Bw==$${signerKey}`,
  ],
]
