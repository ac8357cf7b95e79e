using System.Runtime.InteropServices;
using System.Text;

namespace Forwarder.Control;

/// <summary>
/// fsync(2) of a folder: a rename survives a power cut only after it. .NET opens no folders, so this is one of few native
/// calls of control; all of its types are blittable, no unsafe code is needed.
/// </summary>
public static class FolderSync
{
    private const int ReadOnly = 0, CloseOnExec = 0x80000;   // O_RDONLY, O_CLOEXEC

    /// <summary>Waits until the entries of a folder are on disk.</summary>
    /// <exception cref="IOException">It cannot be opened or flushed.</exception>
    public static void Flush(string path)
    {
        int descriptor = Open(Encoding.UTF8.GetBytes(path + '\0'), ReadOnly | CloseOnExec, 0);
        if (descriptor < 0)
        {
            throw Error(path, "opened");
        }

        try
        {
            if (Fsync(descriptor) != 0)
            {
                throw Error(path, "flushed");
            }
        }
        finally
        {
            _ = Close(descriptor);
        }
    }

    private static IOException Error(string path, string what) => new($"Folder {path} cannot be {what}: {Marshal.GetLastPInvokeErrorMessage()}.");

    [DllImport("libc", EntryPoint = "open", SetLastError = true)]
    private static extern int Open(byte[] path, int flags, int mode);

    [DllImport("libc", EntryPoint = "fsync", SetLastError = true)]
    private static extern int Fsync(int descriptor);

    [DllImport("libc", EntryPoint = "close", SetLastError = true)]
    private static extern int Close(int descriptor);
}
