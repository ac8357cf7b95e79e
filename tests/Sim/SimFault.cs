namespace Forwarder.Sim.Tests;

/// <summary>What the simulation does to a router.</summary>
internal enum SimFault
{
    /// <summary>The machine dies: control and dataplane.</summary>
    Crash,

    /// <summary>kill -9 of control: the dataplane goes on until its lease ends.</summary>
    KillControl,

    /// <summary>kill -STOP of control, and after a while kill -CONT. Packets wait.</summary>
    Pause,

    /// <summary>Orderly stop.</summary>
    Shutdown,

    /// <summary>Starts whatever is down.</summary>
    Restart,

    /// <summary>Tracking moves the priority.</summary>
    Priority,

    /// <summary>A fault comes and after a while goes.</summary>
    Fault,

    /// <summary>Maintenance.</summary>
    ForceBackup,

    /// <summary>Planned handover of whoever is active.</summary>
    Handover,
}
