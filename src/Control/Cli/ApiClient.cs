using System.Net;
using System.Net.Http.Headers;
using System.Net.Sockets;
using System.Text;
using System.Text.Json;
using System.Text.Json.Serialization.Metadata;
using Forwarder.Api;

namespace Forwarder.Cli;

/// <summary>The HTTP API over its Unix socket. Errors become <see cref="CliException"/> with the problem's detail.</summary>
public sealed class ApiClient : IDisposable
{
    private const string DefaultSocket = "/run/forwarder/api.sock";

    private readonly HttpClient _http;
    private readonly string _socket;

    /// <summary>A client for a socket; null = FORWARDER_SOCKET, else the default.</summary>
    public ApiClient(string? socket)
    {
        _socket = socket ?? Environment.GetEnvironmentVariable("FORWARDER_SOCKET") ?? DefaultSocket;
        _http = new HttpClient(new SocketsHttpHandler { ConnectCallback = ConnectAsync }) { BaseAddress = new Uri("http://forwarder/"), Timeout = TimeSpan.FromMinutes(5) };
    }

    /// <summary>Id of a service in paths.</summary>
    public static string ServicePath(string id) => $"v1/services/{Uri.EscapeDataString(id)}";

    /// <summary>Id of a server in paths.</summary>
    public static string ServerPath(string service, string server) => $"{ServicePath(service)}/servers/{Uri.EscapeDataString(server)}";

    /// <summary>GET, as text.</summary>
    public string GetText(string path) => Send(HttpMethod.Get, path, null, null).Body;

    /// <summary>GET.</summary>
    public T Get<T>(string path, JsonTypeInfo<T> type) => JsonSerializer.Deserialize(GetText(path), type)!;

    /// <summary>GET with its ETag.</summary>
    public (string Body, string? ETag) GetWithETag(string path) => Send(HttpMethod.Get, path, null, null);

    /// <summary>Any change.</summary>
    public string Change(HttpMethod method, string path, string? body = null, string? ifMatch = null) => Send(method, path, body, ifMatch).Body;

    /// <summary>A body as JSON.</summary>
    public static string Json<T>(T value, JsonTypeInfo<T> type) => JsonSerializer.Serialize(value, type);

    /// <summary>The stream of an endless answer.</summary>
    public StreamReader Open(string path) => Guard(() => new StreamReader(_http.GetStreamAsync(path).GetAwaiter().GetResult()));

    /// <inheritdoc/>
    public void Dispose() => _http.Dispose();

    private (string Body, string? ETag) Send(HttpMethod method, string path, string? body, string? ifMatch)
    {
        using HttpRequestMessage request = new(method, path);
        if (body != null)
        {
            request.Content = new StringContent(body, Encoding.UTF8, new MediaTypeHeaderValue("application/json"));
        }

        if (ifMatch != null)
        {
            request.Headers.TryAddWithoutValidation("If-Match", ifMatch);
        }

        using HttpResponseMessage response = Guard(() => _http.Send(request));
        using StreamReader reader = new(response.Content.ReadAsStream());
        string text = reader.ReadToEnd();
        return response.IsSuccessStatusCode ? (text, response.Headers.ETag?.ToString()) : throw new CliException(Explain(response.StatusCode, text));
    }

    private static string Explain(HttpStatusCode status, string text)
    {
        try
        {
            Problem? problem = JsonSerializer.Deserialize(text, ApiJson.Default.Problem);
            return problem == null ? text : string.IsNullOrEmpty(problem.Pointer) ? problem.Detail : $"{problem.Detail} ({problem.Pointer})";
        }
        catch (JsonException)
        {
            return $"{(int)status} {text}";
        }
    }

    private T Guard<T>(Func<T> action)
    {
        try
        {
            return action();
        }
        catch (HttpRequestException e) when (e.InnerException is SocketException inner)
        {
            throw new CliException(inner.SocketErrorCode switch
            {
                SocketError.AccessDenied => $"No permission to use {_socket}: be root or a member of the group forwarder.",
                // .NET calls a missing file "Cannot assign requested address".
                _ => $"No director answers on {_socket} ({(File.Exists(_socket) ? inner.Message : "there is no such socket")}). Is forwarder-control running? Another socket: --socket or FORWARDER_SOCKET.",
            });
        }
        catch (HttpRequestException e)
        {
            throw new CliException($"{_socket}: {e.Message}");
        }
    }

    private async ValueTask<Stream> ConnectAsync(SocketsHttpConnectionContext context, CancellationToken cancellation)
    {
        Socket socket = new(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        try
        {
            await socket.ConnectAsync(new UnixDomainSocketEndPoint(_socket), cancellation);
            return new NetworkStream(socket, ownsSocket: true);
        }
        catch
        {
            socket.Dispose();
            throw;
        }
    }
}
