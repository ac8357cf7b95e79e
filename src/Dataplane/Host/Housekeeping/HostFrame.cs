namespace Forwarder.Dataplane;

/// <summary>What became of the next frame of an exception port.</summary>
public enum HostFrame
{
    /// <summary>There is none.</summary>
    None,

    /// <summary>It is on its way.</summary>
    Forwarded,

    /// <summary>There may be one, but no room for it.</summary>
    Waits,
}
