using Forwarder.Lab;

namespace Forwarder.Interop.Tests;

/// <summary>Our director.</summary>
public sealed class ForwarderBed : ReferenceBed
{
    public ForwarderBed()
        : base(new S1Lab())
    {
        try
        {
            Lab.Director.Start();
        }
        catch
        {
            Dispose();
            throw;
        }
    }

    public override string Name => "Forwarder";

    public override void Set(string name, int value)
    {
    }

    protected override CommandResult TryIpvsadm(string arguments) => Lab.Director.Ipvsadm(arguments);
}
