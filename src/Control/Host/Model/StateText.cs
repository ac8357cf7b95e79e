using System.Buffers;
using System.Globalization;
using System.IO.Hashing;
using System.Text.Json;
using System.Text.Json.Serialization;
using Forwarder.Api;

namespace Forwarder.Control;

/// <summary>
/// Desired states as text and as ETags. A virtual service is written and hashed once, as long as it is the same object, so
/// that a small change of a large state costs little. Not thread-safe: the state's owner uses it.
/// </summary>
public sealed class StateText
{
    private const int Spare = 1_024;

    private readonly Dictionary<VirtualService, Fragment> _known = new(ReferenceEqualityComparer.Instance);
    private readonly ArrayBufferWriter<byte> _buffer = new();
    private readonly JsonSerializerOptions _asText, _asHash;

    private readonly record struct Fragment(byte[] Text, ulong Hash);

    public StateText()
    {
        _asText = With(new ServiceConverter((writer, service) => writer.WriteRawValue(Of(service).Text, skipInputValidation: true)));
        _asHash = With(new ServiceConverter((writer, service) => writer.WriteNumberValue(Of(service).Hash)));
    }

    /// <summary>Writes the state as JSON, a virtual service per line.</summary>
    public void Write(Stream stream, DesiredState state)
    {
        Prune(state);
        JsonSerializer.Serialize(stream, state, _asText.GetTypeInfo(typeof(DesiredState)));
    }

    /// <summary>The ETag of a state: the same for states that say the same, also after a restart.</summary>
    public string ETagOf(DesiredState state)
    {
        Prune(state);
        _buffer.ResetWrittenCount();
        using (Utf8JsonWriter writer = new(_buffer))
        {
            JsonSerializer.Serialize(writer, state, _asHash.GetTypeInfo(typeof(DesiredState)));
        }

        return $"\"{XxHash64.HashToUInt64(_buffer.WrittenSpan).ToString("x16", CultureInfo.InvariantCulture)}\"";
    }

    private Fragment Of(VirtualService service)
    {
        if (!_known.TryGetValue(service, out Fragment fragment))
        {
            // A raw value gets no line of its own from the writer.
            byte[] text = [.. "\n    "u8, .. JsonSerializer.SerializeToUtf8Bytes(service, CompactJson.Default.VirtualService)];
            _known.Add(service, fragment = new Fragment(text, XxHash64.HashToUInt64(text)));
        }

        return fragment;
    }

    private void Prune(DesiredState state)
    {
        if (_known.Count > (2 * state.Services.Count) + Spare)
        {
            _known.Clear();
        }
    }

    private static JsonSerializerOptions With(ServiceConverter converter)
    {
        JsonSerializerOptions options = new(ApiJson.Default.Options);
        options.Converters.Add(converter);
        options.MakeReadOnly();
        return options;
    }

    private sealed class ServiceConverter(Action<Utf8JsonWriter, VirtualService> write) : JsonConverter<VirtualService>
    {
        public override VirtualService Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options) => throw new NotSupportedException("States are read by ApiJson.");

        public override void Write(Utf8JsonWriter writer, VirtualService value, JsonSerializerOptions options) => write(writer, value);
    }
}
