using System.Net;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;

namespace StragglerGuard.AkkaCluster.Tests.Settings;

/// <summary>Authorities and certificates made for one test, in a folder that goes with it.</summary>
internal sealed class Certificates : IDisposable
{
    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("stragglerguard-certificates-");

    /// <summary>Writes an authority's certificate.</summary>
    public Authority NewAuthority(string name)
    {
        var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var request = new CertificateRequest($"CN={name}", key, HashAlgorithmName.SHA256);
        request.CertificateExtensions.Add(new X509BasicConstraintsExtension(true, false, 0, true));
        request.CertificateExtensions.Add(new X509KeyUsageExtension(X509KeyUsageFlags.KeyCertSign, true));
        request.CertificateExtensions.Add(new X509SubjectKeyIdentifierExtension(request.PublicKey, false));
        X509Certificate2 certificate = request.CreateSelfSigned(DateTimeOffset.UtcNow.AddYears(-5), DateTimeOffset.UtcNow.AddYears(5));
        return new Authority(certificate, Write($"{name}.pem", certificate.ExportCertificatePem()));
    }

    /// <summary>Writes a certificate and its key.</summary>
    public Shown Issue(Authority authority, string name, string host = "127.0.0.1", TimeSpan? from = null, TimeSpan? until = null)
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var request = new CertificateRequest($"CN={name}", key, HashAlgorithmName.SHA256);
        var names = new SubjectAlternativeNameBuilder();
        if (IPAddress.TryParse(host, out IPAddress? address))
        {
            names.AddIpAddress(address);
        }
        else
        {
            names.AddDnsName(host);
        }

        request.CertificateExtensions.Add(names.Build());
        using X509Certificate2 certificate = request.Create(
            authority.Certificate, DateTimeOffset.UtcNow + (from ?? TimeSpan.FromDays(-1)), DateTimeOffset.UtcNow + (until ?? TimeSpan.FromDays(1)),
            RandomNumberGenerator.GetBytes(8));
        return new Shown(
            Write($"{name}.pem", certificate.ExportCertificatePem()), Write($"{name}.key", key.ExportPkcs8PrivateKeyPem()), authority.Path);
    }

    public string Write(string name, string text)
    {
        string path = Path.Combine(_folder.FullName, name);
        File.WriteAllText(path, text);
        return path;
    }

    public void Dispose() => _folder.Delete(recursive: true);

    internal sealed record Authority(X509Certificate2 Certificate, string Path);

    internal sealed record Shown(string CertificateFile, string KeyFile, string AuthorityFile);
}
