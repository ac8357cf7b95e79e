namespace Forwarder.Control.Tests;

/// <summary>A test that opens packet sockets, and so needs root.</summary>
[AttributeUsage(AttributeTargets.Method)]
public sealed class RootFactAttribute : FactAttribute
{
    public RootFactAttribute() => Skip = Environment.IsPrivilegedProcess ? null : "Packet sockets need root.";
}
