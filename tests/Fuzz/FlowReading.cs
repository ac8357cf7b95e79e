namespace Forwarder.Fuzz.Tests;

/// <summary>A flow as the second reading knows it.</summary>
public sealed class FlowReading
{
    /// <summary>The server.</summary>
    public required FuzzServer Server { get; init; }

    /// <summary>The service.</summary>
    public required FuzzService Service { get; init; }

    /// <summary>"syn", "established", "fin", "closewait", "timewait", "close" or "udp"; of SCTP as in <see cref="SctpReading"/>.</summary>
    public string State { get; private set; } = "";

    /// <summary>When it ends, in ms. The test's clock is at a multiple of 256, so that the engine's rounding makes no difference.</summary>
    public uint DeadlineMs { get; private set; }

    /// <summary>Where the client's packets come from: MAC address, port and VLAN.</summary>
    public (string Mac, int Port, int Vlan)? LastHop { get; set; }

    /// <summary>A packet that opens a flow, for a test that wants to see it again.</summary>
    public (int Port, byte[] Frame) Opener { get; init; }

    /// <summary>Whether a packet is the client's next connection from the same port: a SYN, where half-closed is not over where both are heard; an INIT.</summary>
    public bool EndsBy(int flags) => Service.Protocol == SctpReading.Protocol ? flags == SctpReading.Init && State == "closed" : (flags & 6) == 2 && IsOver;

    private bool IsOver => State is "timewait" or "close" || (State == "fin" && !BothAreHeard);

    private bool BothAreHeard => Server.Method is Abi.ForwardingMethod.Nat or Abi.ForwardingMethod.FullNat;

    /// <summary>A packet of the client has come.</summary>
    public void Go(int flags, uint nowMs)
    {
        bool fin = (flags & 1) != 0, syn = (flags & 2) != 0, rst = (flags & 4) != 0, ack = (flags & 16) != 0;
        State = Service.Protocol == 17 ? "udp"
            : Service.Protocol == SctpReading.Protocol ? SctpReading.Next(BothAreHeard ? SctpReading.Client : SctpReading.Alone, State, flags)
            : rst ? "close"
            : syn ? (State == "established" ? State : "syn")
            : fin ? AfterClientsFin()
            : !ack ? (State == "" ? "close" : State)
            : State is "" or "syn" ? "established" : State;
        Touch(nowMs);
    }

    /// <summary>A packet of the server: only the end counts.</summary>
    public void GoBack(int flags, uint nowMs)
    {
        bool fin = (flags & 1) != 0, syn = (flags & 2) != 0, rst = (flags & 4) != 0;
        if (Service.Protocol == SctpReading.Protocol)
        {
            State = SctpReading.Next(SctpReading.Server, State, flags);
        }
        else if (Service.Protocol != 17)
        {
            State = rst ? (State == "timewait" ? State : "close")
                : syn || !fin ? State
                : State switch { "established" or "fin" => "fin", "close" => "close", _ => "timewait" };
        }

        Touch(nowMs);
    }

    private string AfterClientsFin() => State switch
    {
        "close" or "timewait" => State,
        _ when !BothAreHeard || State == "" => "fin",
        "established" or "closewait" => "closewait",
        _ => "timewait",
    };

    /// <summary>IPVS's time-outs, the grain of 256 ms added.</summary>
    private void Touch(uint nowMs) => DeadlineMs = (nowMs + 256 + (State switch { "syn" => 60_000u, "established" => 900_000, "fin" or "timewait" => 120_000, "closewait" => 60_000, "close" => 10_000, "udp" => 300_000, "init1" or "rejected" => 4_000, "open" => 900_000, _ => 61_000 })) / 256 * 256;

    /// <summary>Whether it is still there; the clock wraps.</summary>
    public bool IsLive(uint nowMs) => (int)((DeadlineMs << 4) - (nowMs << 4)) >= 0;
}
