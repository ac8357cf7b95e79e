using System.Net.Sockets;
using System.Text;
using System.Text.Json;

namespace Forwarder.Nic.Tests;

/// <summary>QEMU's monitor (QMP): what happens to the machine from outside, as pulling a cable.</summary>
public sealed class MachineMonitor : IDisposable
{
    private readonly StreamReader _reader;
    private readonly NetworkStream _stream;

    /// <summary>Takes over a connected socket and ends QMP's negotiation.</summary>
    public MachineMonitor(Socket socket)
    {
        _stream = new NetworkStream(socket, ownsSocket: true) { ReadTimeout = 10_000 };
        _reader = new StreamReader(_stream, Encoding.UTF8);
        _ = _reader.ReadLine();
        Execute("""{"execute":"qmp_capabilities"}""");
    }

    /// <summary>Plugs or unplugs the cable of a network device.</summary>
    public void SetLink(string device, bool up)
    {
        Execute($$"""{"execute":"set_link","arguments":{"name":"{{device}}","up":{{(up ? "true" : "false")}} } }""");
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _reader.Dispose();
        _stream.Dispose();
    }

    private void Execute(string command)
    {
        _stream.Write(Encoding.UTF8.GetBytes(command + "\n"));
        while (true)
        {
            string line = _reader.ReadLine() ?? throw new IOException("QEMU closed its monitor");
            using JsonDocument answer = JsonDocument.Parse(line);
            if (answer.RootElement.TryGetProperty("error", out JsonElement error))
            {
                throw new InvalidOperationException($"QEMU refused {command}: {error}");
            }

            // Events may come before the answer.
            if (answer.RootElement.TryGetProperty("return", out _))
            {
                return;
            }
        }
    }
}
