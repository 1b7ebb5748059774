# Records NTLM handshakes of this Windows machine: its clients with this library's server, and this
# library's client with its WinRM. Run it as an administrator, from the top of the repository:
#
#     powershell -ExecutionPolicy Bypass -File tests\windows\record.ps1
#
# It makes a local account with a random password, and removes it at the end. The files under
# `handshakes` contain that password and the names of this machine and its domain, and nothing else of it.
param([string] $Out = "handshakes")
$ErrorActionPreference = "Stop"
$user = "ntlm-test"
$password = "Aa1!" + [guid]::NewGuid().ToString("N").Substring(0, 20)
$processes = @()

function Start-Example([string] $name, [string[]] $arguments) {
    $process = Start-Process -PassThru -NoNewWindow "target\debug\examples\$name.exe" $arguments
    $script:processes += $process
    Start-Sleep 2
}

cargo build --examples -p ntlm-http-examples
if ($LASTEXITCODE -ne 0) { throw "cargo failed" }
$secure = ConvertTo-SecureString $password -AsPlainText -Force
New-LocalUser $user -Password $secure | Out-Null
try {
    New-Item -ItemType Directory -Force $Out | Out-Null
    Set-Content "$Out\password.txt" "${user}:$password"
    $hash = $password | & target\debug\examples\http_server.exe --hash
    Set-Content -Encoding ascii "$Out\users" "${user}:$hash"
    $windows = [Environment]::OSVersion.VersionString

    # Clients of Windows: curl with SSPI, .NET, and WinHTTP.
    Start-Example http_server @("--listen", "127.0.0.1:8080", "--users", "$Out\users")
    Start-Example record @("--listen", "127.0.0.1:8081", "--to", "127.0.0.1:8080",
        "--out", "$Out\clients", "--about", "`"$windows, clients`"")
    $url = "http://127.0.0.1:8081/"
    curl.exe --silent --output NUL --ntlm --user "${user}:$password" $url
    $credential = New-Object PSCredential($user, $secure)
    Invoke-WebRequest -UseBasicParsing -Credential $credential $url | Out-Null
    $http = New-Object -ComObject WinHttp.WinHttpRequest.5.1
    $http.Open("GET", $url, $false)
    $http.SetCredentials($user, $password, 0)
    $http.Send()

    # A server of Windows: WinRM.
    Enable-PSRemoting -Force -SkipNetworkProfileCheck | Out-Null
    Add-LocalGroupMember (Get-LocalGroup -SID S-1-5-32-580) $user
    Start-Example record @("--listen", "127.0.0.1:8082", "--to", "127.0.0.1:5985",
        "--out", "$Out\winrm", "--about", "`"$windows, WinRM`"")
    $env:NTLM_PASSWORD = $password
    & target\debug\examples\winrm_client.exe --user $user http://127.0.0.1:8082/wsman whoami
} finally {
    Start-Sleep 2
    $processes | ForEach-Object { Stop-Process -Id $_.Id -ErrorAction SilentlyContinue }
    Remove-LocalUser $user
    Remove-Item Env:NTLM_PASSWORD -ErrorAction SilentlyContinue
}
Write-Host "Read the files under $Out, then send them as the README beside this script says."
