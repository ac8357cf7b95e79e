namespace Forwarder.Abi;

/// <summary>How far the dataplane process has come.</summary>
public enum ProcessState : uint
{
    /// <summary>Never started, or the region is new.</summary>
    None = 0,
    /// <summary>Starting: EAL, ports, tables.</summary>
    Starting = 1,
    /// <summary>Workers run.</summary>
    Running = 2,
    /// <summary>Stopped by a request.</summary>
    Stopped = 3,
    /// <summary>Could not start; the error text says why.</summary>
    Failed = 4,
}
