using System.Diagnostics;

namespace Forwarder.Control;

/// <summary>Who may use the API: root, and the group forwarder where there is one.</summary>
public static class SocketPermissions
{
    private const string Group = "forwarder";

    /// <summary>Mode 0660, group forwarder.</summary>
    public static void Apply(string path)
    {
        File.SetUnixFileMode(path, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.GroupRead | UnixFileMode.GroupWrite);
        if (File.Exists("/etc/group") && File.ReadLines("/etc/group").Any(l => l.StartsWith(Group + ":", StringComparison.Ordinal)))
        {
            using Process? chgrp = Process.Start(new ProcessStartInfo("chgrp", [Group, path]) { UseShellExecute = false });
            chgrp?.WaitForExit();
        }
    }
}
