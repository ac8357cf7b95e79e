namespace Forwarder.Dataplane;

/// <summary>
/// One dataplane per region: a lock on a file beside it, which the kernel takes away with the process, however it ends.
/// (A process id in the region would not do: ids are used again.)
/// </summary>
public static class RegionLock
{
    /// <summary>Takes the lock; it is held until the result is disposed.</summary>
    /// <exception cref="StartException">Another dataplane holds it, or the file cannot be made.</exception>
    public static IDisposable Take(string regionPath)
    {
        string path = regionPath + ".lock";
        try
        {
            return new FileStream(path, FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None, 1);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new StartException($"The region {regionPath} cannot be had: another dataplane uses it, or {path} cannot be opened ({e.Message}).");
        }
    }
}
