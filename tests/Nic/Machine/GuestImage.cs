using Forwarder.Lab;

namespace Forwarder.Nic.Tests;

/// <summary>The guest's kernel and initial RAM disk, made once from a Debian package that is unpacked, not installed.</summary>
public static class GuestImage
{
    /// <summary>Makes the image if it is not there.</summary>
    /// <returns>Folder with vmlinuz and initrd.gz.</returns>
    public static string Make()
    {
        string folder = Path.Combine(Repository.Root, "artifacts/nic");
        _ = Shell.Run([Path.Combine(Repository.Root, "tests/Nic/guest/make-image"), folder]);
        return folder;
    }
}
